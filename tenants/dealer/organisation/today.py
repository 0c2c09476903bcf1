"""Today's list, the dealership's start page (`kernel.ui.worklist`). An app says in its `navigation.py` what it adds:

today.register("sales.overdue", overdue, [Right.SALES_WORK], title=_("Overdue follow-ups"), order=20)
"""

from kernel.ui.worklist import SHOWN, Line, Worklist

__all__ = ["SHOWN", "Line", "register", "worklist"]

worklist = Worklist()
register = worklist.register
