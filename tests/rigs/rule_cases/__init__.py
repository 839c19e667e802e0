"""What every rule of the policy says in a table of cases: one module for each file of rules.

Every question here has one thing wrong with it at most, so that `decide` has to say what the one rule says.
"""

from rigs.rule_cases import agent, budget, evidence, mode, reach, target

CASES = (*agent.CASES, *target.CASES, *reach.CASES, *evidence.CASES, *budget.CASES, *mode.CASES)
