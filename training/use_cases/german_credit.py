"""German credit: is this applicant for an instalment loan a bad risk?"""

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

# How often each level occurs, and what it adds to the log-odds of bad in generated records.
HOUSING = {"own": (0.72, -0.1), "rent": (0.17, 0.35), "free": (0.11, 0.4)}
SAVINGS = {
    "little": (0.607, 0.25),
    "moderate": (0.10, 0.2),
    "quite rich": (0.068, -0.5),
    "rich": (0.045, -0.9),
    "NA": (0.18, -0.5),
}
CHECKING = {"little": (0.28, 0.85), "moderate": (0.261, 0.4), "rich": (0.061, -0.2), "NA": (0.398, -1.1)}
PURPOSE = {
    "car": (0.331, 0.0),
    "radio/TV": (0.287, -0.3),
    "furniture/equipment": (0.174, 0.0),
    "business": (0.101, 0.1),
    "education": (0.061, 0.5),
    "repairs": (0.022, 0.2),
    "domestic appliances": (0.012, 0.1),
    "vacation/others": (0.012, 0.5),
}

CONTRACT = Contract(
    use_case="german_credit",
    title="German credit",
    description="Bad risk among applicants for instalment loans of a German bank (Hofmann, 1994), in nine columns.",
    columns=(
        Column(
            name="Age",
            type=ColumnType.INTEGER,
            role=Role.PROTECTED,
            description="Age of the applicant",
            unit="years",
            minimum=18,
            maximum=120,
            example=35,
        ),
        Column(
            name="Sex",
            type=ColumnType.CATEGORY,
            role=Role.PROTECTED,
            description="Sex of the applicant",
            levels=("male", "female"),
            example="female",
        ),
        Column(
            name="Job",
            type=ColumnType.CATEGORY,
            description="0 unskilled and not resident, 1 unskilled and resident, 2 skilled, 3 highly skilled",
            levels=(0, 1, 2, 3),
            example=2,
        ),
        Column(
            name="Housing",
            type=ColumnType.CATEGORY,
            description="Whether the home is owned, rented or free of charge",
            levels=tuple(HOUSING),
            example="own",
        ),
        Column(
            name="Saving accounts",
            type=ColumnType.CATEGORY,
            description="Savings; NA (or null) = unknown or none",
            levels=tuple(SAVINGS),
            null_level="NA",
            example="little",
        ),
        Column(
            name="Checking account",
            type=ColumnType.CATEGORY,
            description="Balance of the checking account; NA (or null) = no account",
            levels=tuple(CHECKING),
            null_level="NA",
            example="moderate",
        ),
        Column(
            name="Credit amount",
            type=ColumnType.NUMBER,
            description="Amount of the loan",
            unit="DM",
            minimum=1,
            maximum=1e7,
            example=2500,
        ),
        Column(
            name="Duration",
            type=ColumnType.NUMBER,
            description="Term of the loan",
            unit="months",
            minimum=1,
            maximum=480,
            example=18,
        ),
        Column(
            name="Purpose",
            type=ColumnType.CATEGORY,
            description="What the loan is for",
            levels=tuple(PURPOSE),
            example="car",
        ),
    ),
    # Together worth 0.02 of AUC to a logistic regression; the instalment alone 0.015 to boosted trees.
    derived=(
        Derived(name="instalment", operation=Operation.RATIO, of=("Credit amount", "Duration")),
        Derived(name="log_credit_amount", operation=Operation.LOG, of=("Credit amount",)),
        Derived(name="log_duration", operation=Operation.LOG, of=("Duration",)),
    ),
    # The file's row number: its header is empty, and pandas calls it Unnamed: 0.
    ignored=("", "Unnamed: 0"),
    outcome=Outcome(name="Risk", bad=("bad",), good=("good",)),
)

REASONS = {
    "Job": ReasonText("JOB", "Kind of job"),
    "Housing": ReasonText("HOUSING", "Whether the home is owned, rented or free of charge"),
    "Saving accounts": ReasonText("SAVINGS", "Savings"),
    "Checking account": ReasonText("CHECKING_ACCOUNT", "Checking account and its balance"),
    "Credit amount": ReasonText("CREDIT_AMOUNT", "Amount of the loan"),
    "Duration": ReasonText("DURATION", "Term of the loan"),
    "Purpose": ReasonText("PURPOSE", "Purpose of the loan"),
    "instalment": ReasonText("INSTALMENT", "Amount of the loan relative to its term"),
    "log_credit_amount": ReasonText("CREDIT_AMOUNT", "Amount of the loan"),
    "log_duration": ReasonText("DURATION", "Term of the loan"),
}

TERMS = np.array([6, 9, 10, 12, 15, 18, 21, 24, 27, 30, 36, 42, 48, 60])
TERM_SHARES = np.array([8, 5, 3, 18, 7, 13, 4, 19, 1, 4, 9, 1, 5, 3]) / 100


def generate(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return applicants with the real data's shape; long, small-instalment and very large loans go bad more."""
    age = np.minimum(19 + rng.gamma(2.1, 7.9, rows), 85).astype(int)
    months = rng.choice(TERMS, rows, p=TERM_SHARES)
    amount = np.exp(5.3 + 0.865 * np.log(months) + rng.normal(0, 0.62, rows))
    amount = np.round(np.clip(amount, 250, 20000)).astype(int)
    housing, housing_effect = _draw(rng, rows, HOUSING)
    savings, savings_effect = _draw(rng, rows, SAVINGS)
    checking, checking_effect = _draw(rng, rows, CHECKING)
    purpose, purpose_effect = _draw(rng, rows, PURPOSE)
    log_odds = -1.25 + housing_effect + savings_effect + checking_effect + purpose_effect
    log_odds += 0.03 * (months - 20) + 0.9 * (amount / months < 75) + 0.8 * (amount > 8000) + 0.3 * (age < 26)
    bad = rng.random(rows) < 1 / (1 + np.exp(-log_odds))
    return pd.DataFrame(
        {
            "Age": age,
            "Sex": rng.choice(["male", "female"], rows, p=[0.69, 0.31]),
            "Job": rng.choice(4, rows, p=[0.022, 0.208, 0.611, 0.159]),
            "Housing": housing,
            "Saving accounts": savings,
            "Checking account": checking,
            "Credit amount": amount,
            "Duration": months,
            "Purpose": purpose,
            "Risk": np.where(bad, "bad", "good"),
        }
    )


def _draw(
    rng: np.random.Generator, rows: int, levels: dict[str, tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn levels (rows,) and what each adds to the log-odds (rows,)."""
    shares, effects = np.array(list(levels.values())).T
    index = rng.choice(len(levels), rows, p=shares / shares.sum())
    return np.array(list(levels))[index], effects[index]


ABOUT = About(
    purpose="Say how likely an applicant for an instalment loan is a bad risk. A teaching example with real "
    "applicants, and the smallest data on which the whole way to a decision is worth walking.",
    stakeholders=(
        "lending: owns the costs and the cut-offs",
        "loan officers: judge the applications that are referred",
        "applicants: may ask why they were declined, and get the reasons",
        "model validation and internal audit: challenge the model before each promotion",
    ),
    success=(
        "a bad risk is ranked above a good one in at least 70 of 100 pairs (ROC AUC 0.70), Brier score at most 0.19",
        "decisions cost less than declining everybody, the cheapest way to do without a model",
        "a probability means the same for women and men, and at every age",
    ),
    limits=(
        "Published in 1994, about loans in Deutsche Mark, some hundred rows: no bank should decide with it today.",
        "So few rows leave every figure uncertain: the ROC AUC by about 0.035, those of groups by far more.",
        "Bad risks were drawn more often than they occur: a bad rate of 30 % is of the sample, not of a bank.",
        "Nine of the twenty columns of the source; savings and checking accounts known only in bands.",
        "NA stands for no account and for one that is not known: the data do not tell them apart.",
    ),
)

REQUIREMENTS = Requirements(
    least_rows=500, least_roc_auc=0.70, least_pr_auc=0.45, most_brier=0.19, most_cost_per_case=0.70
)

USE_CASE = UseCase(
    contract=CONTRACT,
    # The data's own cost matrix: a bad risk accepted costs five times a good one refused.
    costs=Costs(false_approve=5, false_decline=1, review=0.75, currency="good applicants refused"),
    reasons=REASONS,
    source="UCI Statlog German Credit (CC BY 4.0), nine columns, as in german_credit_data.csv",
    generate=generate,
    # The cost of 800 decisions is too coarse to tell candidates apart.
    objective=Objective.LOG_LOSS,
    about=ABOUT,
    requirements=REQUIREMENTS,
    # Consumer credit in the European Union: high risk under annex III of the AI Act.
    fairness=FairnessProfile.EU,
)
