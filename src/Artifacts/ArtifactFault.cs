namespace Workflows.Artifacts;

/// <summary>Kinds of faults of artifacts and their stores.</summary>
public enum ArtifactFault
{
    /// <summary>The text is not the address of an artifact.</summary>
    Address,

    /// <summary>The artifact, bucket or repository does not exist, or the store says so to hide it.</summary>
    NotFound,

    /// <summary>The artifact does not have the version that the call requires.</summary>
    Precondition,

    /// <summary>There are no credentials, or the store does not accept them.</summary>
    Unauthenticated,

    /// <summary>The credentials lack a right.</summary>
    Forbidden,

    /// <summary>The licence of a repository of the Hub is not accepted.</summary>
    Gated,

    /// <summary>The revision of a repository of the Hub does not exist.</summary>
    Revision,

    /// <summary>The store limits the rate of requests, after all retries.</summary>
    RateLimited,

    /// <summary>The store is unreachable or fails internally, after all retries.</summary>
    Unavailable,

    /// <summary>The artifact is shorter than its range or its size.</summary>
    Truncated,

    /// <summary>The artifact does not have the expected hash.</summary>
    Damaged,

    /// <summary>The store does not support the call, such as a write to the Hub.</summary>
    Unsupported,

    /// <summary>The store refused the call for another reason.</summary>
    Refused,
}
