#!/usr/bin/env python3
"""Generates src/report/charts/world_map/outlines.txt: the countries' outlines for the world map.

The outlines are those of Natural Earth at 1:110 million (public domain), as TopoJSON from
the npm package `world-atlas`:

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python3 -m venv v && v/bin/pip install pycountry
    v/bin/python scripts/make-world-map.py package/countries-110m.json > src/report/charts/world_map/outlines.txt

Each line is one ring: the country's ISO 3166-1 alpha-2 code (`--` for land that has none),
then its points, already in the pixels of the map: x,y from the upper left, in the Equal
Earth projection (Savric, Patterson & Jenny 2019), in which areas are in proportion.
Antarctica is left out.
"""

import json
import math
import sys

import pycountry

WIDTH = 600  # pixels
SMALLEST_AREA = 1.5  # square pixels, below which a ring is left out unless it is all of a country
TOLERANCE = 0.45  # pixels by which a simplified outline may be off


def equal_earth(lon, lat):
    """Longitude and latitude in degrees to x and y, y upwards."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    theta = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    t2 = theta * theta
    t6 = t2**3
    x = 2 * math.sqrt(3) * math.radians(lon) * math.cos(theta) / (
        3 * (9 * a4 * t6 * t2 + 7 * a3 * t6 + 3 * a2 * t2 + a1)
    )
    y = theta * (a4 * t6 * t2 + a3 * t6 + a2 * t2 + a1)
    return x, y


LEFT, _ = equal_earth(-180, 0)
_, TOP = equal_earth(0, 84)
SCALE = WIDTH / (-2 * LEFT)


def pixels(lon, lat):
    x, y = equal_earth(lon, lat)
    return ((x - LEFT) * SCALE, (TOP - y) * SCALE)


def decode(topology):
    """Every arc as longitudes and latitudes."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        yield points


def ring_of(arcs, indices):
    points = []
    for index in indices:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points.extend(arc if not points else arc[1:])
    return points


def on_one_side(points):
    """A ring that touches the antimeridian has it on both ends of the map: keeps to the side of most points."""
    lons = [lon for lon, _ in points]
    if max(lons) - min(lons) < 300:
        return points
    side = 1 if sum(lon > 0 for lon in lons) * 2 >= len(lons) else -1
    return [(lon if lon * side > 0 else side * 180, lat) for lon, lat in points]


def simplify(points):
    """Douglas and Peucker: leaves out what lies within the tolerance."""
    if len(points) < 3:
        return points
    (ax, ay), (bx, by) = points[0], points[-1]
    length = math.hypot(bx - ax, by - ay)

    def distance(p):
        if length == 0:
            return math.hypot(p[0] - ax, p[1] - ay)
        return abs((bx - ax) * (ay - p[1]) - (ax - p[0]) * (by - ay)) / length

    far = max(range(1, len(points) - 1), key=lambda i: distance(points[i]))
    if distance(points[far]) <= TOLERANCE:
        return [points[0], points[-1]]
    return simplify(points[: far + 1])[:-1] + simplify(points[far:])


def area(points):
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1]))) / 2


def code_of(geometry):
    country = pycountry.countries.get(numeric=geometry.get("id", ""))
    # Kosovo has a code that is in use but not in the standard.
    names = {"Kosovo": "XK"}
    return country.alpha_2 if country else names.get(geometry["properties"]["name"], "--")


def main():
    topology = json.load(open(sys.argv[1], encoding="utf-8"))
    arcs = list(decode(topology))
    lines = []
    for geometry in topology["objects"]["countries"]["geometries"]:
        code = code_of(geometry)
        if code == "AQ":
            continue
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        # Holes are other countries, which are drawn over them: smaller ones come later.
        rings = [[pixels(*point) for point in on_one_side(ring_of(arcs, polygon[0]))] for polygon in polygons]
        rings.sort(key=area, reverse=True)
        for number, ring in enumerate(rings):
            if number > 0 and area(ring) < SMALLEST_AREA:
                continue
            half = len(ring) // 2
            ring = simplify(ring[: half + 1])[:-1] + simplify(ring[half:])
            whole = []
            for x, y in ring:
                point = (round(x), round(y))
                if not whole or whole[-1] != point:
                    whole.append(point)
            if len(whole) > 1 and whole[0] == whole[-1]:
                whole.pop()
            if len(whole) < 3:
                x, y = whole[0]
                whole = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
            lines.append((-area(ring), code, whole))
    lines.sort()
    for _, code, whole in lines:
        print(code, *(f"{x},{y}" for x, y in whole))


main()
