"""What is asked in serving: the query, the index, fold-in and the signatures over them.

Uses data, waist, serving.contract.
"""
