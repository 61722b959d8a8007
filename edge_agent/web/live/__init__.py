"""What the pages show, kept in memory from MQTT messages."""
