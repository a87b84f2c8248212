"""Consumer loans with a lender's grade and rate: will this loan default?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.use_case import (
    About,
    Column,
    ColumnType,
    Contract,
    Costs,
    Derived,
    FairnessProfile,
    Objective,
    Operation,
    Outcome,
    ReasonText,
    Requirements,
    Role,
    UseCase,
)

OWNERSHIP = ("RENT", "MORTGAGE", "OWN", "OTHER")
INTENTS = ("EDUCATION", "MEDICAL", "VENTURE", "PERSONAL", "DEBTCONSOLIDATION", "HOMEIMPROVEMENT")
GRADES = ("A", "B", "C", "D", "E", "F", "G")

CONTRACT = Contract(
    use_case="credit_risk",
    title="Credit risk of consumer loans",
    description="Default on a consumer loan. Amounts are in whole currency units, times in years. Grade and rate "
    "come from the lender's own underwriting: right for a portfolio, not known before an application is judged.",
    columns=(
        Column(
            name="person_age",
            type=ColumnType.INTEGER,
            role=Role.PROTECTED,
            description="Age of the borrower",
            unit="years",
            minimum=18,
            maximum=120,
            example=22,
        ),
        Column(
            name="person_income",
            type=ColumnType.NUMBER,
            description="Yearly income, in units and not in thousands",
            unit="currency units per year",
            minimum=0,
            maximum=1e9,
            example=59000,
        ),
        Column(
            name="person_home_ownership",
            type=ColumnType.CATEGORY,
            description="How the borrower lives",
            levels=OWNERSHIP,
            example="RENT",
        ),
        Column(
            name="person_emp_length",
            type=ColumnType.NUMBER,
            description="Time in employment; null where it is not known",
            unit="years",
            minimum=0,
            maximum=70,
            nullable=True,
            example=3,
        ),
        Column(
            name="loan_intent",
            type=ColumnType.CATEGORY,
            description="What the loan is for",
            levels=INTENTS,
            example="PERSONAL",
        ),
        Column(
            name="loan_grade",
            type=ColumnType.CATEGORY,
            description="The lender's grade, A the best",
            levels=GRADES,
            example="D",
        ),
        Column(
            name="loan_amnt",
            type=ColumnType.NUMBER,
            description="Amount of the loan, in units and not in thousands",
            unit="currency units",
            minimum=1,
            maximum=1e8,
            example=3500,
        ),
        Column(
            name="loan_int_rate",
            type=ColumnType.NUMBER,
            description="Yearly interest; null where it is not known",
            unit="%",
            minimum=0,
            maximum=100,
            nullable=True,
            example=16.2,
        ),
        Column(
            name="loan_percent_income",
            type=ColumnType.NUMBER,
            description="Loan amount divided by yearly income, as declared: a fraction, not per cent",
            unit="of yearly income",
            minimum=0,
            maximum=10,
            example=0.06,
        ),
        Column(
            name="cb_person_default_on_file",
            type=ColumnType.CATEGORY,
            description="Whether the credit bureau has an earlier default on file",
            levels=("Y", "N"),
            example="Y",
        ),
        Column(
            name="cb_person_cred_hist_length",
            type=ColumnType.NUMBER,
            description="Length of the credit history",
            unit="years",
            minimum=0,
            maximum=80,
            example=3,
        ),
    ),
    # The declared share has two decimals; this one has them all, which is worth 0.003 of AUC.
    derived=(Derived(name="loan_to_income", operation=Operation.RATIO, of=("loan_amnt", "person_income")),),
    outcome=Outcome(name="loan_status", bad=(1,), good=(0,), description="1 = defaulted, 0 = paid"),
)

REASONS = {
    "person_income": ReasonText("INCOME", "Yearly income"),
    "person_home_ownership": ReasonText("HOME_OWNERSHIP", "Whether the home is rented, mortgaged or owned"),
    "person_emp_length": ReasonText("EMPLOYMENT_LENGTH", "Time in employment"),
    "loan_intent": ReasonText("LOAN_PURPOSE", "Purpose of the loan"),
    "loan_grade": ReasonText("LOAN_GRADE", "Grade given to the loan in underwriting"),
    "loan_amnt": ReasonText("LOAN_AMOUNT", "Amount of the loan"),
    "loan_int_rate": ReasonText("INTEREST_RATE", "Interest rate of the loan"),
    "loan_percent_income": ReasonText("LOAN_TO_INCOME", "Loan amount relative to yearly income"),
    "cb_person_default_on_file": ReasonText("DEFAULT_ON_FILE", "Credit bureau record of earlier defaults"),
    "cb_person_cred_hist_length": ReasonText("CREDIT_HISTORY", "Length of the credit history"),
    "loan_to_income": ReasonText("LOAN_TO_INCOME", "Loan amount relative to yearly income"),
}

# By ownership: median income, log-odds of default, what a poor grade and a loan of over 0.305 incomes add to them.
MEDIAN_INCOME = np.array([48e3, 69e3, 47e3, 59e3])
BASE = np.array([-3.05, -3.45, -3.95, -2.65])
POOR_GRADE = np.array([3.4, 2.6, 1.5, 2.9])
LARGE_LOAN = np.array([6.5, 1.1, 1.6, 5.0])
INTENT = np.array([-0.4, 0.7, -0.8, -0.2, 0.8, 0.7])
MEAN_RATE = np.array([7.3, 11.0, 13.5, 15.3, 17.0, 18.6, 20.2])


def generate(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return loans with the real data's shape; default jumps where a loan is over 0.305 yearly incomes."""
    age = np.minimum(20 + rng.lognormal(1.79, 0.76, rows), 90).astype(int)
    home = rng.choice(4, rows, p=[0.5015, 0.4149, 0.0805, 0.0031])
    intent = rng.choice(6, rows, p=[0.199, 0.185, 0.175, 0.170, 0.161, 0.110])
    grade = rng.choice(7, rows, p=[0.3325, 0.3204, 0.1972, 0.1113, 0.0293, 0.0073, 0.002])
    spread = rng.normal(0, 1, rows)
    income = np.round(np.maximum(MEDIAN_INCOME[home] * np.exp(0.55 * spread), 4000), -2)
    amount = np.exp(8.94 + 0.29 * spread + 0.64 * rng.normal(0, 1, rows))
    amount = np.floor(np.clip(amount, 500, np.minimum(35000, 0.8 * income)) / 100) * 100
    employed = np.floor(np.minimum(rng.gamma(1.4, 3.75, rows), age - 16))
    employed[rng.random(rows) < 0.028] = np.nan
    rate = np.round(np.clip(MEAN_RATE[grade] + rng.normal(0, 1, rows), 5.42, 24), 2)
    rate[rng.random(rows) < 0.096] = np.nan
    history = np.select([age < 27, age < 36], [rng.integers(2, 5, rows), rng.integers(5, 11, rows)], 0)
    history = np.where(history > 0, history, rng.integers(11, 18, rows))
    table = {
        "person_age": age,
        "person_income": income.astype(int),
        "person_home_ownership": np.array(OWNERSHIP)[home],
        "person_emp_length": employed,
        "loan_intent": np.array(INTENTS)[intent],
        "loan_grade": np.array(GRADES)[grade],
        "loan_amnt": amount.astype(int),
        "loan_int_rate": rate,
        "loan_percent_income": np.round(amount / income, 2),
        "cb_person_default_on_file": np.where((grade >= 2) & (rng.random(rows) < 0.5), "Y", "N"),
        "cb_person_cred_hist_length": history,
    }
    log_odds = BASE[home] + INTENT[intent] + POOR_GRADE[home] * (grade >= 3) + 0.3 * grade
    log_odds += LARGE_LOAN[home] * (amount > 0.305 * income) + 2.0 * (income < 20000)
    log_odds += np.where(np.isnan(employed), 0.5, -0.05 * np.nan_to_num(employed))
    table["loan_status"] = (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int)
    return pd.DataFrame(table)


ABOUT = About(
    purpose="Say how likely a consumer loan with a grade and a rate is to default: to watch a portfolio, to set "
    "provisions, and to take a second look at loans that underwriting has priced and not yet paid out.",
    stakeholders=(
        "credit risk: owns the model, its costs and its cut-offs",
        "underwriters: judge the loans that are referred",
        "borrowers: may ask why a loan was not approved, and get the reasons",
        "model validation and internal audit: challenge the model before each promotion",
    ),
    success=(
        "a default is ranked above a good loan in at least 90 of 100 pairs (ROC AUC 0.90), Brier score at most 0.08",
        "decisions cost at most 350 currency units per loan, where approving everybody costs about 1,090",
        "no age group's approval rate is clearly below four fifths of the most approved group's",
    ),
    limits=(
        "Not for pre-approval: loan_grade and loan_int_rate are the lender's own decision and known only after "
        "underwriting. The pre-approval variant leaves them out.",
        "Who was refused is not in the data: figures hold for loans like those that were granted.",
        "The data say neither country, currency nor dates: changes over time cannot be seen in them.",
        "Few borrowers are over 55, and the length of the credit history stands for age: look at the groups.",
        "Ages of 123 and 144 and 123 years of employment occur in the source and are refused; unknown employment "
        "and rates are accepted, as 12 % of the rows have one of them.",
    ),
)

REQUIREMENTS = Requirements(least_roc_auc=0.90, least_pr_auc=0.75, most_brier=0.08, most_cost_per_case=350)

USE_CASE = UseCase(
    contract=CONTRACT,
    # A default loses about half of the mean loan (9,600), a refused good loan about a tenth of it in interest.
    costs=Costs(false_approve=5000, false_decline=1000, review=600, currency="currency units"),
    reasons=REASONS,
    source="Kaggle laotse/credit-risk-dataset (CC0), columns as in credit_risk_dataset.csv",
    generate=generate,
    # The costs are assumed, not a bank's: what is good at every cut-off survives other ones.
    objective=Objective.LOG_LOSS,
    about=ABOUT,
    requirements=REQUIREMENTS,
    # The columns are an American bureau's: ECOA is the law that such loans stand under.
    fairness=FairnessProfile.US,
    known_after_decision=("loan_grade", "loan_int_rate"),
)
