"""ZONE 3, beside the data. A job's way: intake, admit, review, run, disclose.

One module per hop. Each decision is one transaction: the letter's id, the job's row, the
event and the letters that follow from it, all or nothing.
"""
