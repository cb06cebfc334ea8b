"""What a log shows: tables, charts, links, the replay command; and what it must not show: secrets."""
