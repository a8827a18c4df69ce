using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>A fault of the buckets of an emulated project.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record StorageFault
{
    /// <summary>Gets the calls that it affects: <c>upload</c> (each request of one), <c>download</c>, <c>list</c>,
    /// <c>stat</c>, <c>delete</c>, or <c>any</c>.</summary>
    public string On { get; init; } = "any";

    /// <summary>Gets a text that the object's name must contain; empty for every object.</summary>
    public string Name { get; init; } = "";

    /// <summary>Gets the HTTP status of the answer: 401, 403, 404, 412, 429, 500, 502 or 503; null for no
    /// error.</summary>
    public int? Status { get; init; }

    /// <summary>Gets the bytes of the body after which the connection is cut; null for no cut.</summary>
    public long? CutAfterBytes { get; init; }

    /// <summary>Gets the seconds by which the call is delayed.</summary>
    public double DelaySeconds { get; init; }

    /// <summary>Gets the number of calls before the first that it affects.</summary>
    public int Skip { get; init; }

    /// <summary>Gets the number of calls that it affects.</summary>
    public int Times { get; init; } = 1;
}
