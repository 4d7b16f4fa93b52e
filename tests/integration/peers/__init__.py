"""Programs of other projects as children of mmx and as its MTA, and how they are built and run."""
