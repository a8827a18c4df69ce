using Workflows.Artifacts;

namespace Workflows.Activities.Artifacts;

/// <summary>A run's base model where its user has it.</summary>
/// <param name="Address">The folder; on the Hub at a commit, so that it stays the same for the whole run.</param>
/// <param name="Files">The files that the run needs.</param>
public sealed record ModelSource(ArtifactUri Address, IReadOnlyList<ArtifactInfo> Files)
{
    /// <summary>Gets the bytes of all files.</summary>
    public long Bytes => Files.Sum(file => file.Bytes);

    /// <summary>Gets the bytes of the weights.</summary>
    public long WeightBytes => Files.Where(file => TextModelFiles.IsWeights(file.Uri.Name)).Sum(file => file.Bytes);

    /// <summary>Gets a value indicating whether it is a folder of this machine.</summary>
    public bool IsLocal => Address.Scheme == ArtifactScheme.File;
}

/// <summary>The version of a model that a run uses, found by its first look.</summary>
/// <param name="Given">As the request names it.</param>
/// <param name="Address">On the Hub at a commit.</param>
/// <param name="Files">Files that the run needs.</param>
/// <param name="Bytes">Their bytes.</param>
public sealed record ModelFact(string Given, string Address, int Files, long Bytes);

/// <summary>A model that is where the run's worker reads it.</summary>
/// <param name="Address">Where, named by its content.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Seconds">Time that it took.</param>
/// <param name="WasThere">An earlier run had brought it.</param>
public sealed record ModelBroughtFact(string Address, long Bytes, double Seconds, bool WasThere);
