"""Searching and sorting, with indices that the data decides."""

import numpy as np


def binary_search(values, wanted):
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def linear_search(values, wanted):
    found = -1
    for i in range(len(values)):
        if values[i] == wanted:
            found = i
            break
    return found


def insertion_sort(values):
    a = values.copy()
    for i in range(1, len(a)):
        key = a[i]
        j = i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    return a


def bubble_sort(values):
    a = values.copy()
    passes = 0
    swapped = True
    while swapped:
        swapped = False
        for i in range(len(a) - 1):
            if a[i] > a[i + 1]:
                low, high = a[i + 1], a[i]
                a[i] = low
                a[i + 1] = high
                swapped = True
        passes += 1
    return a, passes


def partition(values, pivot):
    a = values.copy()
    low, high = 0, len(a) - 1
    while low <= high:
        if a[low] < pivot:
            low += 1
        elif a[high] >= pivot:
            high -= 1
        else:
            left, right = a[low], a[high]
            a[low] = right
            a[high] = left
            low += 1
            high -= 1
    return a, low


def pair_with_sum(values, target):
    i, j = 0, len(values) - 1
    while i < j:
        total = values[i] + values[j]
        if total == target:
            return i, j
        if total < target:
            i += 1
        else:
            j -= 1
    return -1, -1


def longest_run(values):
    best = 1
    length = 1
    for i in range(1, len(values)):
        if values[i] == values[i - 1]:
            length += 1
        else:
            length = 1
        if length > best:
            best = length
    return best


def run_length_encode(values):
    symbols = np.zeros_like(values)
    lengths = np.zeros_like(values)
    count = 0
    for value in values:
        if count > 0 and symbols[count - 1] == value:
            lengths[count - 1] += 1
        else:
            symbols[count] = value
            lengths[count] = 1
            count += 1
    return symbols, lengths, count


def majority_vote(values):
    candidate, votes = values[0], 0
    for value in values:
        if votes == 0:
            candidate = value
        votes += 1 if value == candidate else -1
    return candidate


def largest_sum(values):
    best = values[0]
    current = 0.0
    for value in values:
        current = value if current < 0 else current + value
        best = current if current > best else best
    return best


def merge_sorted(a, b):
    merged = np.zeros(len(a) + len(b))
    i = j = 0
    for k in range(len(a) + len(b)):
        if j >= len(b) or (i < len(a) and a[i] <= b[j]):
            merged[k] = a[i]
            i += 1
        else:
            merged[k] = b[j]
            j += 1
    return merged


def first_peak(values):
    i = 1
    while i < len(values) - 1:
        if values[i - 1] < values[i] > values[i + 1]:
            return i
        i += 1
    return -1


def longest_increasing(values):
    lengths = np.ones(len(values), dtype=int)
    for i in range(len(values)):
        for j in range(i):
            if values[j] < values[i] and lengths[j] + 1 > lengths[i]:
                lengths[i] = lengths[j] + 1
    return lengths.max()


def find_text(text, pattern):
    for start in range(len(text) - len(pattern) + 1):
        matches = True
        for k in range(len(pattern)):
            if text[start + k] != pattern[k]:
                matches = False
                break
        if matches:
            return start
    return -1


def stock_span(prices):
    spans = np.zeros(len(prices), dtype=int)
    for i in range(len(prices)):
        back = 1
        while back <= i and prices[i - back] <= prices[i]:
            back += 1
        spans[i] = back
    return spans


PROGRAMS = [
    (binary_search, ([1.0, 3.0, 5.0, 7.0, 9.0], 7.0), ([1.0, 2.0, 4.0, 8.0, 16.0], 0.5)),
    (linear_search, ([5, 3, 9, 1, 9], 9), ([5, 3, 9, 1, 9], 4)),
    (insertion_sort, ([5.0, 2.0, 9.0, 1.0, 7.0, 3.0],), ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0],), True),
    (bubble_sort, ([4.0, 3.0, 2.0, 1.0],), ([1.0, 2.0, 3.0, 4.0],)),
    (partition, ([5.0, 1.0, 8.0, 2.0, 9.0, 3.0], 4.0), ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 0.0)),
    (pair_with_sum, ([1, 3, 4, 8, 11], 12), ([1, 3, 4, 8, 11], 2)),
    (longest_run, ([1, 1, 2, 2, 2, 3],), ([1, 2, 3, 4, 5, 6],)),
    (run_length_encode, ([7, 7, 7, 2, 2, 9],), ([1, 2, 1, 2, 1, 2],)),
    (majority_vote, ([3, 1, 3, 2, 3],), ([1, 2, 2, 2, 1],)),
    (largest_sum, ([-2.0, 1.0, -3.0, 4.0, -1.0, 2.0],), ([-3.0, -1.0, -2.0, -5.0, -9.0, -4.0],),
     True),
    (merge_sorted, ([1.0, 4.0, 6.0], [2.0, 3.0, 9.0]), ([7.0, 8.0, 9.0], [1.0, 2.0, 3.0]), True),
    (first_peak, ([1.0, 2.0, 3.0, 2.0, 5.0],), ([1.0, 2.0, 3.0, 4.0, 5.0],)),
    (longest_increasing, ([3, 1, 4, 1, 5, 9, 2, 6],), ([8, 7, 6, 5, 4, 3, 2, 1],)),
    (find_text, ([1, 2, 1, 2, 3, 4], [1, 2, 3]), ([1, 2, 1, 2, 1, 2], [2, 2, 2])),
    (stock_span, ([100.0, 80.0, 60.0, 70.0, 60.0, 75.0],), ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0],)),
]  # fmt: skip
