"""Bookings to come: what is booked, what open deals will bring, what deals not yet created will bring."""
