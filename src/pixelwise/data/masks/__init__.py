"""From mask files to label maps: what the values and colours of a data set's masks stand for.

A layout passes the paths of its masks to `interpretation.infer_encoding`, which decides once for the whole data set::

    mask files -> statistics (MaskStatistics) -> interpretation (MaskEncoding) -> MaskEncoding.read -> label maps

In the order in which a mask passes through them:

`statistics`
    Counts the pixels of every value or colour in each mask (`MaskHistogram`).
`palettes`, `listed_colors`
    Palette masks: reconcile palettes that order the same colours differently; compare them with a class list's colours.
`interpretation`
    `infer_encoding`: the entry point. Calls one of the next two.
`without_class_list`, `with_class_list`
    The rules, in their order: soft edges, object ids, mixed encodings, 0 and 255, gray levels, class indices.
`value_patterns`, `antialiasing`, `mixed_encodings`, `object_ids`, `boundary_value`
    The evidence these rules ask for. Each recognises one pattern of values and decides nothing by itself.
`messages`, `doubts`
    The texts: what was assumed, what is in doubt, what is refused.
`encoding`
    The result: `MaskEncoding`, a table from values and colours to class indices, and its `read`.

Beside label maps: `instance_maps` decides how files of object ids are read (`IdEncoding`), `missing_objects` compares
them with the masks, and `union` reads images that have several masks.
"""
