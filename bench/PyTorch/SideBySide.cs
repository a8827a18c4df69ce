namespace Workflows.PyTorch.Bench;

/// <summary>Rounds of ours and of the peer's in turn, and what they say together.</summary>
/// <param name="what">What is measured; its figures are tokens a second.</param>
internal sealed class SideBySide(string what)
{
    // Chosen: a tenth of a core less changes either side by about as much as two quiet rounds differ.
    private const double QuietCores = 0.1;

    private readonly List<(double Ours, double Peer, double Foreign)> _rounds = [];

    public void Add(double ours, double peer, double foreignCores) => _rounds.Add((ours, peer, foreignCores));

    /// <summary>
    /// Prints medians over the quiet rounds, or over all where fewer than three were quiet; how many were counted, of
    /// how many, and what other programs took meanwhile is part of the line.
    /// </summary>
    public void Print()
    {
        var quiet = _rounds.Where(round => round.Foreign <= QuietCores).ToArray();
        var counted = quiet.Length >= 3 ? quiet : [.. _rounds];
        Console.WriteLine(
            $"  {what}: {Median(counted.Select(round => round.Ours)):f0} tokens/s, peer "
            + $"{Median(counted.Select(round => round.Peer)):f0}, ratio "
            + $"{Median(counted.Select(round => round.Ours / round.Peer)):f2} "
            + $"({counted.Min(round => round.Ours / round.Peer):f2} to "
            + $"{counted.Max(round => round.Ours / round.Peer):f2}; "
            + $"{counted.Length} of {_rounds.Count} rounds, other programs took "
            + $"{Median(counted.Select(round => round.Foreign)):f2} cores)");
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
