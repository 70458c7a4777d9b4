"""Shared code of the TransferZ workflow: what two scripts need, or a unit test should hold."""
