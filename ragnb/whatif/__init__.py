"""What if: recorded answers over another set of tiers, before they are paid for."""
