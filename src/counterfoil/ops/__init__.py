"""What whoever runs an installation needs: a doctor, backups, exports."""
