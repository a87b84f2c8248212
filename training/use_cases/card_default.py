"""Credit cards: will this holder default on next month's payment?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from training.use_case import (
    About,
    Column,
    ColumnType,
    Contract,
    Costs,
    Derived,
    FairnessProfile,
    Monitoring,
    Objective,
    Operation,
    Outcome,
    ReasonText,
    Requirements,
    Role,
    UseCase,
)

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

MONTHS = ("in the latest month", *(f"{n} month{'s' * (n > 1)} earlier" for n in range(1, 6)))
LOCAL_MONTHS = ("no mês mais recente", *(f"{n} {'meses' if n > 1 else 'mês'} antes" for n in range(1, 6)))
# The data have no PAY_1: the latest month is PAY_0, the one before it PAY_2.
STATUS = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")
BILLS = tuple(f"BILL_AMT{n}" for n in range(1, 7))
PAYMENTS = tuple(f"PAY_AMT{n}" for n in range(1, 7))


def _statuses() -> tuple[Column, ...]:
    text = "Repayment status {}: -2 card not used, -1 paid in full, 0 paid in part, 1 to 9 months late"
    local = (
        "Situação do pagamento {}: -2 cartão não utilizado, -1 pago na totalidade, 0 pago em parte, "
        "1 a 9 meses de atraso"
    )
    return tuple(
        Column(
            name=name,
            type=ColumnType.INTEGER,
            title=f"Repayment status {month}",
            local_title=f"Situação do pagamento {local_month}",
            description=text.format(month),
            local_description=local.format(local_month),
            unit="months late",
            local_unit="meses de atraso",
            minimum=-2,
            maximum=9,
            example=0,
            changeable=name == STATUS[0],
        )
        for name, month, local_month in zip(STATUS, MONTHS, LOCAL_MONTHS, strict=True)
    )


def _amounts(
    names: tuple[str, ...], text: tuple[str, str], local: tuple[str, str], minimum: float, example: float
) -> tuple[Column, ...]:
    """Return a column per month; `text` and `local` are a title and what the description adds to it."""
    return tuple(
        Column(
            name=name,
            type=ColumnType.NUMBER,
            title=f"{text[0]} {month}",
            local_title=f"{local[0]} {local_month}",
            description=f"{text[0]}{text[1]} {month}",
            local_description=f"{local[0]}{local[1]} {local_month}",
            unit="TWD",
            local_unit="TWD",
            minimum=minimum,
            maximum=1e8,
            example=example,
            changeable=name == names[0],
        )
        for name, month, local_month in zip(names, MONTHS, LOCAL_MONTHS, strict=True)
    )


CONTRACT = Contract(
    use_case="card_default",
    language="pt",
    title="Credit-card default",
    local_title="Falta de pagamento do cartão de crédito",
    description="Default on next month's payment of a credit card (Taiwan, 2005). Amounts in New Taiwan dollars.",
    local_description="Falta do pagamento do mês seguinte de um cartão de crédito (Taiwan, 2005). "
    "Valores em novos dólares de Taiwan.",
    columns=(
        Column(
            name="LIMIT_BAL",
            type=ColumnType.NUMBER,
            title="Credit limit",
            local_title="Limite de crédito",
            description="Credit limit, family's cards included",
            local_description="Limite de crédito, incluindo os cartões da família",
            unit="TWD",
            local_unit="TWD",
            minimum=0,
            maximum=1e8,
            example=120000,
            changeable=False,
        ),
        Column(
            name="SEX",
            type=ColumnType.CATEGORY,
            role=Role.PROTECTED,
            title="Sex",
            local_title="Sexo",
            description="1 male, 2 female",
            local_description="1 masculino, 2 feminino",
            levels=(1, 2),
            level_titles=("Male", "Female"),
            local_level_titles=("Masculino", "Feminino"),
            example=2,
        ),
        Column(
            name="EDUCATION",
            type=ColumnType.CATEGORY,
            title="Level of education",
            local_title="Nível de escolaridade",
            description="1 graduate school, 2 university, 3 high school, 4 other, 0, 5 and 6 unknown",
            local_description="1 pós-graduação, 2 universidade, 3 escola secundária, 4 outro, 0, 5 e 6 desconhecido",
            levels=(0, 1, 2, 3, 4, 5, 6),
            level_titles=(
                "Unknown (0)",
                "Graduate school",
                "University",
                "High school",
                "Other",
                "Unknown (5)",
                "Unknown (6)",
            ),
            local_level_titles=(
                "Desconhecido (0)",
                "Pós-graduação",
                "Universidade",
                "Escola secundária",
                "Outro",
                "Desconhecido (5)",
                "Desconhecido (6)",
            ),
            example=2,
            changeable=False,
        ),
        Column(
            name="MARRIAGE",
            type=ColumnType.CATEGORY,
            role=Role.PROTECTED,
            title="Marital status",
            local_title="Estado civil",
            description="1 married, 2 single, 3 other, 0 unknown",
            local_description="1 casado, 2 solteiro, 3 outro, 0 desconhecido",
            levels=(0, 1, 2, 3),
            level_titles=("Unknown", "Married", "Single", "Other"),
            local_level_titles=("Desconhecido", "Casado", "Solteiro", "Outro"),
            example=1,
        ),
        Column(
            name="AGE",
            type=ColumnType.INTEGER,
            role=Role.PROTECTED,
            title="Age",
            local_title="Idade",
            description="Age of the holder",
            local_description="Idade do titular",
            unit="years",
            local_unit="anos",
            minimum=18,
            maximum=120,
            example=34,
        ),
        *_statuses(),
        *_amounts(
            BILLS,
            ("Amount of the statement", ", negative for a credit balance,"),
            ("Valor da fatura", ", negativo se houver saldo credor,"),
            minimum=-1e8,
            example=42500,
        ),
        *_amounts(PAYMENTS, ("Amount paid", ""), ("Valor pago", ""), minimum=0, example=2100),
    ),
    # Together worth 0.004 of AUC. A payment settles the statement of the month before.
    derived=(
        Derived(
            name="limit_used",
            operation=Operation.RATIO,
            of=("BILL_AMT1", "LIMIT_BAL"),
            title="Part of the credit limit that is used",
            local_title="Parte utilizada do limite de crédito",
        ),
        Derived(
            name="limit_left",
            operation=Operation.DIFFERENCE,
            of=("LIMIT_BAL", "BILL_AMT1"),
            title="What is left of the credit limit",
            local_title="O que resta do limite de crédito",
        ),
        *(
            Derived(
                name=f"paid_share_{n}",
                operation=Operation.RATIO,
                of=(PAYMENTS[n - 1], BILLS[n]),
                title=f"Share of the statement {MONTHS[n]} that was paid",
                local_title=f"Parte paga da fatura {LOCAL_MONTHS[n]}",
            )
            for n in range(1, 6)
        ),
    ),
    ignored=("ID",),
    outcome=Outcome(name="default.payment.next.month", bad=(1,), good=(0,), description="1 = defaulted"),
    also_at=("/default_payment_prediction",),
)

HISTORY = ReasonText(
    "REPAYMENT_HISTORY",
    "Repayment status in earlier months",
    "Situação do pagamento em meses anteriores",
)
# What is used of the limit is the latest statement once more, and the statements follow one another.
OWED = ReasonText(
    "STATEMENTS",
    "Amounts of the last six statements, also compared with the credit limit",
    "Valores das últimas seis faturas, também em comparação com o limite de crédito",
)
PAID = ReasonText("PAYMENTS", "Amounts paid in the last six months", "Valores pagos nos últimos seis meses")
SHARE = ReasonText("PAID_SHARE", "Share of the statements that was paid", "Parte das faturas que foi paga")
REASONS = {
    "LIMIT_BAL": ReasonText("CREDIT_LIMIT", "Credit limit", "Limite de crédito"),
    "EDUCATION": ReasonText("EDUCATION", "Level of education", "Nível de escolaridade"),
    "PAY_0": ReasonText(
        "LATEST_REPAYMENT",
        "Repayment status in the latest month",
        "Situação do pagamento no mês mais recente",
    ),
    **dict.fromkeys(STATUS[1:], HISTORY),
    **dict.fromkeys((*BILLS, "limit_used", "limit_left"), OWED),
    **dict.fromkeys(PAYMENTS, PAID),
    **dict.fromkeys((f"paid_share_{n}" for n in range(1, 6)), SHARE),
}

# From one month's status (-2 to 3, then 4 and more) to the next month's, in per cent.
NEXT = np.array(
    [
        [84, 9, 6, 0, 1, 0, 0],
        [7, 76, 13, 0, 4, 0, 0],
        [0, 5, 89, 0, 6, 0, 0],
        [0, 20, 20, 10, 50, 0, 0],
        [0, 7, 23, 0, 64, 6, 0],
        [0, 5, 12, 0, 36, 18, 29],
        [0, 1, 2, 0, 25, 5, 67],
    ]
)
# To the latest month, the only one in which 1 is common.
LATEST = np.array(
    [
        [69, 0, 0, 31, 0, 0, 0],
        [3, 77, 8, 10, 2, 0, 0],
        [0, 4, 91, 0, 5, 0, 0],
        [0, 0, 0, 100, 0, 0, 0],
        [0, 10, 0, 43, 40, 7, 0],
        [0, 14, 0, 35, 21, 13, 17],
        [0, 6, 0, 26, 9, 7, 52],
    ]
)
EARLIEST = np.array([0.164, 0.191, 0.542, 0.0, 0.092, 0.006, 0.005])
# What the latest status adds to the log-odds of default.
STATUS_EFFECT = np.array([-0.3, -0.1, -0.35, 0.8, 2.2, 2.6, 2.3])
EDUCATION_SHARES = [0.0005, 0.3543, 0.4678, 0.1624, 0.004, 0.0093, 0.0017]


def generate(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return card holders whose status moves from month to month as in the real data; late ones default more."""
    import pandas as pd

    state = _states(rng, rows)
    limit = np.exp(
        11.75 + 0.85 * rng.normal(0, 1, rows) + np.array([0.4, 0.3, -0.2, 0, -0.4, -0.4, -0.4])[state[5]]
    )
    limit = np.clip(np.round(limit, -4), 10000, 1_000_000)
    bills = _bills(rng, state, limit)
    payments = _payments(rng, state, bills)
    education = rng.choice(7, rows, p=EDUCATION_SHARES)
    sex = rng.choice([1, 2], rows, p=[0.395, 0.605])
    used, late = bills[0] / limit, (state[1:] >= 4).sum(axis=0)
    log_odds = -1.7 + STATUS_EFFECT[state[0]] + 0.25 * late - 0.35 * (np.log(limit) - 11.7) + 0.1 * (sex == 1)
    log_odds += 0.5 * (used > 0.9) - 0.5 * (payments[0] > 0.5 * bills[1]) - 1.3 * (education > 3)
    months_late = state - 2 + np.where(state == 6, np.minimum(rng.geometric(0.6, state.shape) - 1, 4), 0)
    return pd.DataFrame(
        {
            "LIMIT_BAL": limit.astype(int),
            "SEX": sex,
            "EDUCATION": education,
            "MARRIAGE": rng.choice(4, rows, p=[0.002, 0.454, 0.534, 0.010]),
            "AGE": np.minimum(21 + rng.gamma(2.4, 6.0, rows), 85).astype(int),
            **dict(zip(STATUS, months_late, strict=True)),
            **dict(zip(BILLS, bills.astype(int), strict=True)),
            **dict(zip(PAYMENTS, payments.astype(int), strict=True)),
            "default.payment.next.month": (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int),
        }
    )


def _states(rng: np.random.Generator, rows: int) -> Codes:
    """Return rows of the transition tables (6, rows), the latest month first."""
    states = [rng.choice(7, rows, p=EARLIEST)]
    for table in (NEXT, NEXT, NEXT, NEXT, LATEST):
        reached = np.cumsum(table, axis=1)[states[-1]]
        states.append((rng.integers(0, 100, (rows, 1)) >= reached).sum(axis=1))
    return np.array(states[::-1])


def _bills(rng: np.random.Generator, state: Codes, limit: Array) -> Array:
    """Return the statements (6, rows): near nothing for those who pay in full, a steady debt for the rest."""
    debt = rng.beta(1.2, 0.9, state.shape[1]) * np.exp(rng.normal(0, 0.06, state.shape))
    small = rng.exponential(0.04, state.shape) * (state + rng.random(state.shape) > 0.7)
    credit = rng.exponential(0.01, state.shape) * (rng.random(state.shape) < 0.1)
    return np.round(limit * np.where(state >= 2, debt, small - credit))


def _payments(rng: np.random.Generator, state: Codes, bills: Array) -> Array:
    """Return what was paid (6, rows) of the statements of the month before; the late often pay nothing."""
    owed = np.maximum(np.concatenate([bills[1:], bills[5:]]), 0)
    part = np.minimum(0.03 + rng.exponential(0.05, state.shape), 1)
    part *= (state <= 2) | (rng.random(state.shape) < 0.5)
    part[(state < 2) & (rng.random(state.shape) < 0.85)] = 1.0
    paid: Array = np.round(owed * part)
    return paid


ABOUT = About(
    purpose="Say how likely a card holder is to default on next month's payment, so that the bank can hold a limit, "
    "call the holder or offer a plan before that happens.",
    stakeholders=(
        "card portfolio management: owns the costs and acts on the decisions",
        "collections: calls the holders that are referred",
        "card holders: may ask why they were declined, and get the reasons",
        "model validation and internal audit: challenge the model before each promotion",
    ),
    success=(
        "decisions cost at most 450 TWD per holder, where approving everybody costs 664",
        "a default is ranked above a good payer in at least 74 of 100 pairs (ROC AUC 0.74), Brier score at most 0.145",
        "a probability means the same in every group of sex, marriage and age",
    ),
    limits=(
        "Taiwan, April to September 2005, in the middle of a credit-card crisis: the bad rate of 22 % and what "
        "drives it are of that time and place.",
        "One month of outcomes: nothing here says how stable the model is over time.",
        "Level of education is an input and says something about age and marriage; the proxies show how much.",
        "Holders under 25 are approved less often than others, many of them for a low limit.",
        "The codes -2 and 0 of the repayment statuses and 0, 5 and 6 elsewhere are not in the data's documentation; "
        "their meaning was inferred.",
    ),
)

REQUIREMENTS = Requirements(least_roc_auc=0.74, least_pr_auc=0.48, most_brier=0.145, most_cost_per_case=450)

USE_CASE = UseCase(
    contract=CONTRACT,
    # As the bank stated them: 1,000 for a good payer refused, 3,000 for a defaulter accepted.
    costs=Costs(false_approve=3000, false_decline=1000, review=600, currency="TWD"),
    reasons=REASONS,
    source="UCI Default of Credit Card Clients (Yeh, 2009; CC BY 4.0), columns as in lending_data.csv",
    generate=generate,
    objective=Objective.COST,
    about=ABOUT,
    requirements=REQUIREMENTS,
    # An existing credit line: what counts is that a probability and an error are the same for everybody.
    fairness=FairnessProfile.EU,
    # The next statement is due within a month, and a payment takes some days to be booked.
    monitoring=Monitoring(maturity_days=35),
)
