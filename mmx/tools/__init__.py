"""Programs around the daemon, reached as subcommands of mmx."""
