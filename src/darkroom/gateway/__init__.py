"""Zone 2: the relay. Stores and forwards sealed envelopes; never sees plaintext.

Read `app` first: it lists every path of the API and which module answers it.
"""
