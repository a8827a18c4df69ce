using System.Text.Json.Serialization;

namespace Workflows.Service.Access;

/// <summary>The rights of a caller. Each role has those of the roles before it.</summary>
public enum AccessRole
{
    /// <summary>Reads everything: runs, events, reports, spending.</summary>
    [JsonStringEnumMemberName("reader")]
    Reader,

    /// <summary>Starts, resumes, reruns, suspends and cancels runs, and previews them.</summary>
    [JsonStringEnumMemberName("runner")]
    Runner,

    /// <summary>Deletes (purges) runs, leftover resources and remembered places, and calls the engine.</summary>
    [JsonStringEnumMemberName("admin")]
    Admin,
}
