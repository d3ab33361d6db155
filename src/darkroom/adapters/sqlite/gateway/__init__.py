"""The gateway's store: directory, mailboxes and the index of blobs in one SQLite file."""
