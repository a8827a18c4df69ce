using System.Text.Json;

namespace Workflows.Cli.Watching;

/// <summary>One fact of a run.</summary>
/// <param name="Sequence">From 1.</param>
/// <param name="At">Time of the fact.</param>
/// <param name="Kind">The kind of the fact.</param>
/// <param name="Key">Its key.</param>
/// <param name="Data">The fact.</param>
internal sealed record RunEvent(int Sequence, DateTimeOffset At, string Kind, string Key, JsonElement Data);
