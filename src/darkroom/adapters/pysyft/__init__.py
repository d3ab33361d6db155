"""PySyft: the only package that imports `syft*`.

Envelopes, at every role: `keyring`, `key_file`, `verifier` (syft-crypto).

The node's reader, without any `syft`: `endpoint` reads a letter by `wire` (the message),
`submitted_folder` (the job in it), `declaration` (what travels beside it) and `translation`
(the job that it becomes); `address` for names.

PySyft's client on our connection: `client` puts it together, `local_connection` answers what
needs nobody. The scientist's half: `scientist_connection`, with `outgoing`, `inference`,
`wishes`, `lab` (what it asks of the session), `mocks`, `mock_collection`, `mock_failure`
before a job is sent, and `box`, `job_files`, `job_records`, `job_client`, `job_storage`,
`archive`, `write_filter` for what comes back. The owner's half: `owner_*` and
`referenced_datasets`.
"""
