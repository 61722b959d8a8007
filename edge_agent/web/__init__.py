"""The pages that people read, and the REST interface: a process of its own beside the agent."""
