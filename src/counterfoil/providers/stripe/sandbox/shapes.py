"""Stripe's JSON objects as version 2026-10-28.endive gives them. https://docs.stripe.com/api"""

from typing import Any, Final

from counterfoil.providers.stripe.sandbox.till import Dispute, Payout, Till
from counterfoil.sandbox.merchant import DESCRIPTOR, Charge, Movement, Refund

Json = dict[str, Any]
RETURNED: Final = "The bank account has been closed."


def account(key: str, name: str) -> Json:
    """The account that owns the key, as far as a restricted key may see it."""
    return {
        "id": key,
        "object": "account",
        "business_profile": {"name": name, "mcc": "5814", "url": None, "support_email": None},
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@harbourlane.example",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": name, "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": DESCRIPTOR},
        },
        "type": "standard",
    }


def balance(till: Till, live: bool) -> Json:
    """What is available and what is pending, one entry per currency."""
    available, pending = till.sums()
    return {
        "object": "balance",
        "available": [_amount(currency, units) for currency, units in available.items()],
        "livemode": live,
        "pending": [_amount(currency, units) for currency, units in pending.items()],
    }


def _amount(currency: str, units: int) -> Json:
    return {"amount": units, "currency": currency, "source_types": {"card": units}}


def line(one: Movement, now: int) -> Json:
    """A balance transaction."""
    fees = [
        {"amount": one.fee, "application": None, "currency": one.currency, "description": "Stripe processing fees",
         "type": "stripe_fee"}
    ] if one.fee else []  # fmt: skip
    return {
        "id": one.id,
        "object": "balance_transaction",
        "amount": one.amount,
        "available_on": one.available_on,
        "balance_type": "payments",
        "created": one.created,
        "currency": one.currency,
        "description": one.description,
        "exchange_rate": None,
        "fee": one.fee,
        "fee_details": fees,
        "net": one.net,
        "reporting_category": one.reporting_category,
        "source": None if one.type == "stripe_fee" else one.source,
        "status": "pending" if one.available_on > now else "available",
        "type": one.type,
    }


def charge(one: Charge, till: Till, live: bool) -> Json:
    """A sale by card."""
    refunded = till.refunded(one.id)
    return {
        "id": one.id,
        "object": "charge",
        "amount": one.amount,
        "amount_captured": one.amount,
        "amount_refunded": refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": till.line_of.get(one.id),
        "billing_details": {"address": None, "email": None, "name": one.buyer, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": DESCRIPTOR,
        "captured": True,
        "created": one.created,
        "currency": one.currency,
        "customer": None,
        "description": one.description,
        "disputed": any(dispute.charge == one.id for dispute in till.disputes),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": live,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": True,
        "payment_intent": None,
        "payment_method": f"pm_{one.id[3:]}",
        "payment_method_details": {"type": "card", "card": _card(one)},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": refunded >= one.amount,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def _card(one: Charge) -> Json:
    return {
        "amount_authorized": one.amount,
        "brand": one.brand,
        "country": "US",
        "exp_month": 12,
        "exp_year": 2031,
        "fingerprint": f"fp{one.last4}",
        "funding": "credit",
        "last4": one.last4,
        "network": one.brand,
    }


def refund(one: Refund, till: Till) -> Json:
    """Money given back."""
    return {
        "id": one.id,
        "object": "refund",
        "amount": one.amount,
        "balance_transaction": till.line_of.get(one.id),
        "charge": one.charge,
        "created": one.created,
        "currency": one.currency,
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "metadata": {},
        "payment_intent": None,
        "reason": "requested_by_customer",
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def dispute(one: Dispute, till: Till, live: bool) -> Json:
    """A sale that the buyer's bank took back."""
    found = (till.lines.find(key) for key in one.lines)
    return {
        "id": one.id,
        "object": "dispute",
        "amount": one.amount,
        "balance_transactions": [line(entry, till.now) for entry in found if entry],
        "charge": one.charge,
        "created": one.created,
        "currency": one.currency,
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": one.created + 10 * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": live,
        "metadata": {},
        "payment_intent": None,
        "reason": "product_not_received",
        "status": one.status,
    }


def payout(one: Payout, live: bool) -> Json:
    """A transfer to the bank."""
    failed = one.status == "failed"
    return {
        "id": one.id,
        "object": "payout",
        "amount": one.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": one.arrival,
        "automatic": one.automatic,
        "balance_transaction": one.line,
        "created": one.created,
        "currency": one.currency,
        "description": "STRIPE PAYOUT",
        "destination": "ba_1HarbourLaneOperating",
        "failure_balance_transaction": one.failure_line,
        "failure_code": "account_closed" if failed else None,
        "failure_message": RETURNED if failed else None,
        "livemode": live,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if one.automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": DESCRIPTOR,
        "status": one.status,
        "trace_id": None,
        "type": "bank_account",
    }
