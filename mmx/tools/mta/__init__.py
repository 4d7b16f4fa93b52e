"""An MTA on one milter connection, as Postfix is one."""
