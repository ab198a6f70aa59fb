"""The verbs. Services add and flush; the edge commits. Time, senders and stores arrive as arguments."""
