"""Whole numbers: loops whose length nobody knows before."""

import numpy as np


def gcd(a, b):
    while b != 0:
        a, b = b, a % b
    return a


def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def is_prime(n):
    if n < 2:
        return False
    divisor = 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            return False
        divisor += 1
    return True


def power_modulo(base, exponent, modulus):
    result = 1
    base = base % modulus
    while exponent > 0:
        if exponent % 2 == 1:
            result = result * base % modulus
        base = base * base % modulus
        exponent = exponent // 2
    return result


def integer_root(n):
    if n < 2:
        return n
    x = n
    y = (x + 1) // 2
    while y < x:
        x = y
        y = (x + n // x) // 2
    return x


def digital_root(n):
    while n >= 10:
        total = 0
        while n > 0:
            total += n % 10
            n //= 10
        n = total
    return n


def fibonacci_above(limit):
    a, b, index = 0, 1, 0
    while True:
        if a > limit:
            break
        a, b = b, a + b
        index += 1
    return a, index


def count_bits(n):
    bits = 0
    while n > 0:
        n = n & (n - 1)
        bits += 1
    return bits


def extended_gcd(a, b):
    x, next_x, y, next_y = 1, 0, 0, 1
    while b > 0:
        q = a // b
        a, b = b, a - q * b
        x, next_x = next_x, x - q * next_x
        y, next_y = next_y, y - q * next_y
    return a, x, y


def happy(n):
    turns = 0
    while n != 1 and n != 4:
        total = 0
        while n > 0:
            digit = n % 10
            total += digit * digit
            n //= 10
        n = total
        turns += 1
    return n == 1, turns


def sieve(limit):
    composite = np.zeros(64, dtype=bool)
    count = 0
    n = 2
    while n < 64:
        if n > limit:
            break
        if not composite[n]:
            count += 1
            multiple = n * n
            while multiple < 64:
                composite[multiple] = True
                multiple += n
        n += 1
    return count


def reverse_digits(n):
    sign = 1
    if n < 0:
        sign, n = -1, -n
    found = 0
    while n > 0:
        found = found * 10 + n % 10
        n //= 10
    return sign * found


PROGRAMS = [
    (gcd, (1071, 462), (17, 5)),
    (collatz, (27,), (1,)),
    (is_prime, (97,), (91,)),
    (power_modulo, (7, 131, 1000), (2, 10, 1025)),
    (integer_root, (1000003,), (1,)),
    (digital_root, (987654321,), (7,)),
    (fibonacci_above, (1000,), (0,)),
    (count_bits, (0b1011011101,), (0,)),
    (extended_gcd, (240, 46), (5, 0)),
    (happy, (7,), (20,)),
    (sieve, (50,), (2,)),
    (reverse_digits, (12345,), (-980,)),
]
