/* Boxes of pixels -> their sizes, the box around two of them, how far apart they are. */
#ifndef INK_BOX_H
#define INK_BOX_H

#include "ink/segment.h"

static inline int32_t ink_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t ink_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t ink_box_width(const struct ink_box *box)
{
    return (int32_t)box->right - box->left + 1;
}

static inline int32_t ink_box_height(const struct ink_box *box)
{
    return (int32_t)box->bottom - box->top + 1;
}

static inline struct ink_box ink_box_around(const struct ink_box *a, const struct ink_box *b)
{
    return (struct ink_box){
        .left = a->left < b->left ? a->left : b->left,
        .top = a->top < b->top ? a->top : b->top,
        .right = a->right > b->right ? a->right : b->right,
        .bottom = a->bottom > b->bottom ? a->bottom : b->bottom,
    };
}

/* Return how many pixels lie between two intervals, whose ends belong to them; negative: by how many they overlap. */
static inline int32_t ink_gap(uint16_t a_from, uint16_t a_to, uint16_t b_from, uint16_t b_to)
{
    return (int32_t)(a_from > b_from ? a_from : b_from) - (a_to < b_to ? a_to : b_to) - 1;
}

#endif
