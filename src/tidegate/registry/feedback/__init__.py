"""What users and applications said about answers: one verdict stands for each request, name and source, the latest.

``keeping`` stores a verdict as *pending*, beside whatever stands; ``attributing`` finds out, once the observation of its
request is known, whether its sender may speak of it, and only then lets it take the place of another; ``standing`` keeps
the counts and votes true to what stands; ``reading`` lists.
"""
