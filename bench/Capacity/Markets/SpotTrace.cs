namespace Workflows.Capacity.Bench.Markets;

/// <summary>The spot capacity of one zone: whether a node could be had, and would have been kept, at points of equal
/// distance.</summary>
/// <param name="Zone">The zone.</param>
/// <param name="GapSeconds">Seconds between two points, above 0.</param>
/// <param name="Points">true where a node could be had; each holds until the next.</param>
internal sealed record SpotTrace(string Zone, double GapSeconds, IReadOnlyList<bool> Points)
{
    /// <summary>Gets the length in seconds.</summary>
    public double Seconds => Points.Count * GapSeconds;

    /// <summary>Gets the share of points at which a node could be had, 0 to 1.</summary>
    public double Share => (double)Points.Count(isUp => isUp) / Points.Count;

    /// <summary>Returns whether a node can be had.</summary>
    /// <param name="at">Seconds since the beginning; after the end the trace begins again.</param>
    public bool IsUp(double at) => Points[Index(at)];

    /// <summary>Returns the time at which a node is lost.</summary>
    /// <param name="at">Seconds at which it is there.</param>
    /// <returns>Seconds, not before <paramref name="at"/>; infinite if the zone always has capacity.</returns>
    public double LostAt(double at)
    {
        if (!IsUp(at))
        {
            return at;
        }

        var first = (long)Math.Floor(at / GapSeconds);
        for (var step = 1; step <= Points.Count; step++)
        {
            if (!Points[(int)((first + step) % Points.Count)])
            {
                return (first + step) * GapSeconds;
            }
        }

        return double.PositiveInfinity;
    }

    /// <summary>Lists the lengths of the runs of one value, in points.</summary>
    /// <param name="isUp">The value.</param>
    public IEnumerable<int> Runs(bool isUp)
    {
        var length = 0;
        foreach (var point in Points)
        {
            if (point == isUp)
            {
                length++;
            }
            else if (length > 0)
            {
                yield return length;
                length = 0;
            }
        }

        if (length > 0)
        {
            yield return length;
        }
    }

    private int Index(double at) => (int)((long)Math.Floor(at / GapSeconds) % Points.Count);
}
