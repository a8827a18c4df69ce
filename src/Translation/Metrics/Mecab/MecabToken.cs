using System.Runtime.InteropServices;

namespace Workflows.Translation.Metrics.Mecab;

/// <summary>One entry of a dictionary in its stored form.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct MecabToken(
    ushort Left, ushort Right, ushort PartOfSpeech, short Cost, uint Feature, uint Compound);
