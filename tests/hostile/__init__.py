"""Bad requests, by hand and generated: whatever comes, the service answers, tells nothing and lives on."""
