"""Do the tests see a fault? Small faults are put into the code one by one; a test must fail for each.

``python -m tests.mutants`` works on copies of the tree under build/mutants, never on the checkout.
"""
