namespace Workflows.Samples;

/// <summary>Random numbers that are the same everywhere and for ever (SplitMix64, Steele et al. 2014).</summary>
internal sealed class SplitMix(ulong seed)
{
    private ulong _state = seed;

    public int Next(int limit)
    {
        _state += 0x9E3779B97F4A7C15;
        var value = _state;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        value ^= value >> 31;
        return (int)(value % (uint)limit);
    }
}
