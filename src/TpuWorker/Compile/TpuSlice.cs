using System.Globalization;

namespace Workflows.TpuWorker.Compile;

/// <summary>The chips of one host, by their name in a compiler's topology.</summary>
/// <param name="Chip">Their generation.</param>
/// <param name="Chips">Their number, 1 to 8.</param>
public sealed record TpuSlice(TpuChip Chip, int Chips)
{
    private const int MostChips = 8;

    /// <summary>Gets the accelerator type, such as <c>v6e-4</c>; null if none is known.</summary>
    public string? AcceleratorType => Chip.AcceleratorType is { } single
        ? $"{single[..^1]}{Chips.ToString(CultureInfo.InvariantCulture)}"
        : null;

    /// <summary>Returns the topology of an accelerator type of one host.</summary>
    /// <param name="acceleratorType">Such as <c>v5litepod-8</c>.</param>
    /// <returns>
    /// Such as <c>v5e:2x4</c>; null if none is known in which each chip is one device. In that of v4 each chip has two
    /// devices with half of its memory, and v2 and v3 are older than the compiler.
    /// </returns>
    public static string? TopologyOf(string acceleratorType) => acceleratorType switch
    {
        "v5litepod-1" => "v5e:1x1",
        "v5litepod-4" => "v5e:2x2",
        "v5litepod-8" => "v5e:2x4",
        "v6e-1" => "v6e:1x1",
        "v6e-4" => "v6e:2x2",
        "v6e-8" => "v6e:2x4",
        "v5p-8" => "v5p:2x2x1",
        _ => null,
    };

    /// <summary>Parses a topology.</summary>
    /// <param name="topology">A topology such as <c>v6e:1x1</c> or <c>v5e:2x4</c>.</param>
    /// <returns>The slice.</returns>
    /// <exception cref="CompileException">The generation is unknown, or the chips are not those of one
    /// host.</exception>
    public static TpuSlice Parse(string topology)
    {
        ArgumentNullException.ThrowIfNull(topology);
        var parts = topology.Split(':');
        var chip = TpuChip.All.FirstOrDefault(each => each.Name == parts[0])
            ?? throw new CompileException(
                $"--topology: '{topology}' is not known; use one of "
                + $"{string.Join(", ", TpuChip.All.Select(each => $"{each.Name}:1x1"))}.");
        var chips = 1L;
        var texts = parts.Length == 2 ? parts[1].Split('x') : [];
        foreach (var text in texts)
        {
            chips = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size is >= 1
                ? chips * size
                : 0;
        }

        if (texts.Length is < 2 or > 3 || chips == 0)
        {
            throw new CompileException(
                $"--topology: '{topology}' has no sizes; write GENERATION:ROWSxCOLUMNS, such as {chip.Name}:1x1.");
        }

        return chips is 1 or 2 or 4 or MostChips
            ? new TpuSlice(chip, (int)chips)
            : throw new CompileException(
                $"--topology: '{topology}' has {chips} chips, and a run takes those of one host: 1, 2, 4 or 8. Use "
                + $"{chip.Name}:2x4 or a smaller one.");
    }
}
