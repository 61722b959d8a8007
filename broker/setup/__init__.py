"""Set-up of a production Mosquitto: inventory, rights, certificates, passwords, its files."""
