"""What each process counts about itself: one table a process, every label value named here.

No label can hold a person, dataset, camera or file: a value that a table does not name is
counted as `other` (`metric.Metric.key`).
"""
