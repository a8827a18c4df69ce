namespace Workflows.Artifacts;

/// <summary>The exception of an artifact that cannot be read, written or deleted. All stores throw this type.</summary>
public sealed class ArtifactException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="fault">The kind of fault.</param>
    /// <param name="address">The artifact, or the text that should name one.</param>
    /// <param name="problem">The fault as a sentence, with the store's own message if there is one.</param>
    /// <param name="fix">The remedy as a sentence.</param>
    /// <param name="inner">The exception that caused it; null for none.</param>
    public ArtifactException(
        ArtifactFault fault, string address, string problem, string fix, Exception? inner = null)
        : base($"{address}: {problem} {fix}", inner) =>
        (Fault, Address, Problem, Fix) = (fault, address, problem, fix);

    /// <summary>Gets the kind of fault.</summary>
    public ArtifactFault Fault { get; }

    /// <summary>Gets the artifact.</summary>
    public string Address { get; }

    /// <summary>Gets the fault as a sentence.</summary>
    public string Problem { get; }

    /// <summary>Gets the remedy as a sentence.</summary>
    public string Fix { get; }

    /// <summary>Gets the stable code of the fault, listed in <c>docs/errors.md</c>.</summary>
    public string ErrorCode => CodeOf(Fault);

    /// <summary>Returns the code of a kind of fault.</summary>
    /// <param name="fault">The kind.</param>
    /// <returns>A stable code, listed in <c>docs/errors.md</c>.</returns>
    public static string CodeOf(ArtifactFault fault) => fault switch
    {
        ArtifactFault.Address => "ARTIFACT_ADDRESS_INVALID",
        ArtifactFault.NotFound => "ARTIFACT_NOT_FOUND",
        ArtifactFault.Precondition => "ARTIFACT_CHANGED",
        ArtifactFault.Unauthenticated => "ARTIFACT_UNAUTHENTICATED",
        ArtifactFault.Forbidden => "ARTIFACT_FORBIDDEN",
        ArtifactFault.Gated => "ARTIFACT_GATED",
        ArtifactFault.Revision => "ARTIFACT_REVISION_NOT_FOUND",
        ArtifactFault.RateLimited => "ARTIFACT_RATE_LIMITED",
        ArtifactFault.Unavailable => "ARTIFACT_UNAVAILABLE",
        ArtifactFault.Truncated => "ARTIFACT_TRUNCATED",
        ArtifactFault.Damaged => "ARTIFACT_DAMAGED",
        ArtifactFault.Unsupported => "ARTIFACT_UNSUPPORTED",
        ArtifactFault.Refused => "ARTIFACT_REFUSED",
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "There is no such fault."),
    };
}
