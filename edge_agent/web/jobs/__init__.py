"""Jobs of the web server: kept in its database, run in processes beside it."""
