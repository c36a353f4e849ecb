"""Things that change in time, and decide as they go."""

import numpy as np


def gated_cell(x, h, w):
    new = np.tanh(w @ np.concatenate([x, h]))
    gate = new if new.sum() > 0 else -new
    return gate


def rnn_with_gate(xs, w, u):
    h = np.zeros(len(w))
    for x in xs:
        new = np.tanh(w @ h + u * x)
        if new.sum() > 0:
            h = new
        elif x < -1:
            h = h * 0.5
        else:
            h = -new
    return h


def rnn_until_settled(h, w):
    steps = 0
    while steps < 50:
        new = np.tanh(w @ h + 0.1)
        if np.max(np.abs(new - h)) < 1e-6:
            break
        h = new
        steps += 1
    return h


def adaptive_ode(y, t_end, tolerance):
    t, h = 0.0, 0.1
    while t < t_end:
        if t + h > t_end:
            h = t_end - t
        k1 = -y * y
        k2 = -((y + h * k1) ** 2)
        error = abs(h * (k2 - k1) / 2)
        if error <= tolerance:
            t = t + h
            y = y + h * (k1 + k2) / 2
            if error < tolerance / 4:
                h = h * 1.5
        else:
            h = h / 2
    return y


def pid_controller(target, gains):
    value, integral, previous = 0.0, 0.0, 0.0
    for _ in range(60):
        error = target - value
        integral = integral + error * 0.1
        if integral > 5:
            integral = 5.0
        elif integral < -5:
            integral = -5.0
        push = gains[0] * error + gains[1] * integral + gains[2] * (error - previous) / 0.1
        push = max(-10.0, min(10.0, push))
        previous = error
        value = value + 0.1 * (push - value)
        if abs(error) < 1e-4:
            break
    return value


def thermostat(outside, start):
    on = False
    room = start
    switches = 0
    for temperature in outside:
        if on and room > 21:
            on = False
            switches += 1
        elif not on and room < 19:
            on = True
            switches += 1
        room = room + 0.1 * (temperature - room) + (1.5 if on else 0.0)
    return room, switches


def bouncing_ball(height, steps):
    velocity, bounces, i = 0.0, 0, 0
    while i < steps:
        velocity -= 9.81 * 0.01
        height += velocity * 0.01
        if height < 0:
            height, velocity = -height, -0.8 * velocity
            bounces += 1
        i += 1
    return height, bounces


def spiking_neuron(current):
    potential = 0.0
    rest = 0
    spikes = np.zeros(len(current))
    for i, drive in enumerate(current):
        if rest > 0:
            rest -= 1
            continue
        potential = 0.9 * potential + drive
        if potential >= 1:
            spikes[i] = 1.0
            potential = 0.0
            rest = 2
    return spikes


def simulated_annealing(x, noise, chances):
    best, best_cost = x, x**4 - 3 * x**2 + x
    cost = best_cost
    temperature = 1.0
    for i in range(len(noise)):
        candidate = x + noise[i]
        new = candidate**4 - 3 * candidate**2 + candidate
        if new < cost or chances[i] < np.exp((cost - new) / temperature):
            x, cost = candidate, new
            if cost < best_cost:
                best, best_cost = x, cost
        temperature *= 0.9
    return best


def metropolis(x, noise, chances):
    accepted = 0
    for step, chance in zip(noise, chances):
        y = x + step
        if chance < np.exp((x * x - y * y) / 2):
            x = y
            accepted += 1
    return x, accepted


def gated_kalman(observations):
    mean, variance, skipped = 0.0, 1.0, 0
    for z in observations:
        variance = variance + 0.01
        surprise = z - mean
        if surprise * surprise > 9 * (variance + 0.25):
            skipped += 1
            continue
        gain = variance / (variance + 0.25)
        mean = mean + gain * surprise
        variance = (1 - gain) * variance
    return mean, skipped


def limit_order_book(orders):
    position, cash = 0.0, 100.0
    for price in orders:
        if price <= 0:
            break
        if price < 9 and cash >= price:
            position, cash = position + 1, cash - price
        elif price > 11 and position > 0:
            position, cash = position - 1, cash + price
    return position, cash


def rocket(fuel, burn):
    height, speed, t = 0.0, 0.0, 0
    while (height >= 0 or t == 0) and t < 300:
        thrust = 0.0
        if fuel > 0:
            used = burn if burn < fuel else fuel
            fuel = fuel - used
            thrust = 40 * used
        speed += (thrust / (1 + fuel) - 9.81) * 0.05
        height += speed * 0.05
        if speed < 0 and fuel <= 0:
            return height, t
        t += 1
    return height, t


def stick_breaking(pieces, total):
    left = total
    used = 0
    for piece in pieces:
        if piece > left:
            continue
        left -= piece
        used += 1
        if left == 0:
            break
    assert used >= 0, "pieces are counted"
    return left, used


def clip_gradient(g, limit):
    norm = np.sqrt(np.sum(g * g))
    if norm > limit:
        g = g * (limit / norm)
    return g


NOISE = [0.5, -0.9, 0.3, -0.4, 0.8, -0.2, 0.1, -0.6]
CHANCES = [0.9, 0.1, 0.5, 0.7, 0.2, 0.95, 0.4, 0.6]

PROGRAMS = [
    (gated_cell, ([1.0, 2.0], [0.5, -0.5], [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]),
     ([-1.0, -2.0], [0.5, -0.5], [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]), True),
    (rnn_with_gate, ([0.5, -0.5, 2.0, 1.0], [[0.1, 0.4], [-0.3, 0.2]], [1.0, 0.5]),
     ([-0.5, -2.0, -3.0, 0.1], [[0.1, 0.4], [-0.3, 0.2]], [1.0, 0.5]), True),
    (rnn_until_settled, ([0.3, -0.2], [[0.2, 0.1], [0.0, 0.3]]),
     ([1.0, 1.0], [[1.5, 0.0], [0.0, -1.5]]), True),
    (adaptive_ode, (1.0, 2.0, 1e-4), (5.0, 0.5, 1e-3), True),
    (pid_controller, (3.0, [2.0, 1.0, 0.1]), (-40.0, [9.0, 4.0, 0.0]), True),
    (thermostat, ([10.0, 5.0, 0.0, 12.0, 30.0, 35.0], 20.0), ([20.0] * 6, 25.0)),
    (bouncing_ball, (2.0, 200), (50.0, 100)),
    (spiking_neuron, ([0.4, 0.5, 0.6, 0.7, 0.2, 0.9],), ([0.0, 0.1, 0.0, 0.1, 0.0, 0.1],)),
    (simulated_annealing, (1.0, NOISE, CHANCES), (-1.3, NOISE, [0.0] * 8), True),
    (metropolis, (0.0, NOISE, CHANCES), (3.0, NOISE, [1.0] * 8), True),
    (gated_kalman, ([1.0, 1.1, 50.0, 0.9],), ([1.0, 2.0, 1.5, 1.2],), True),
    (limit_order_book, ([8.0, 8.5, 12.0, 11.5, 7.0],), ([0.0, 8.0, 12.0, 8.0, 8.0],)),
    (rocket, (1.0, 0.5), (0.2, 0.5)),
    (stick_breaking, ([5, 3, 9, 2], 10), ([4, 4, 4, 4], 3)),
    (clip_gradient, ([3.0, 4.0], 1.0), ([0.3, 0.4], 1.0), True),
]  # fmt: skip
