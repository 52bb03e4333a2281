"""The world outside, seen through the calls we make: Stripe and mail. Knows no database.

Failures come back as errors.GatewayError, which says whether a repeat makes sense and whether the work may have been
done.
"""
