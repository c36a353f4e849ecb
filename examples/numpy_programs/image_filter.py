"""An image is blurred, sharpened, and its edges are found, by products of spectra."""

import numpy as np

SMALL = {"height": 30, "width": 41}


def image(height, width):
    """Rings, stripes and a square."""
    y, x = np.mgrid[0:height, 0:width]
    rings = np.sin(np.hypot(y - height / 2, x - width / 3) / 5)
    stripes = np.where((x // 8) % 2 == 0, 1.0, -1.0)
    picture = 0.5 + 0.2 * rings + 0.1 * stripes
    picture[height // 4 : height // 2, width // 2 : 3 * width // 4] += 0.3
    return picture


def transfer(height, width, sigma):
    """The spectrum of a Gaussian blur."""
    v = np.fft.fftfreq(height)[:, np.newaxis]
    u = np.fft.rfftfreq(width)[np.newaxis, :]
    return np.exp(-2 * (np.pi * sigma) ** 2 * (u**2 + v**2)), u, v


def run(height=1200, width=1600, sigma=3.0):
    """What is left of the image after each filter."""
    picture = image(height, width)
    spectrum = np.fft.rfft2(picture)
    blur, u, v = transfer(height, width, sigma)
    shape = (height, width)
    blurred = np.fft.irfft2(spectrum * blur, s=shape)
    sharp = picture + 0.8 * (picture - blurred)
    across = np.fft.irfft2(spectrum * blur * (2j * np.pi * u), s=shape)
    down = np.fft.irfft2(spectrum * blur * (2j * np.pi * v), s=shape)
    edges = np.sqrt(across**2 + down**2)
    power = np.fft.fftshift(np.abs(np.fft.fft2(picture))).max(axis=1)
    return {"blurred": blurred, "sharp": sharp.clip(0, 1), "edges": edges, "power": power}


if __name__ == "__main__":
    print(run())
