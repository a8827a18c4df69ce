using Workflows.Artifacts;

namespace Workflows.Activities.Artifacts;

/// <summary>A run's base model at the address where its user keeps it.</summary>
/// <param name="Address">The folder; on the Hub at a commit, so that it stays the same for the whole run.</param>
/// <param name="Files">The files that the run needs.</param>
public sealed record ModelSource(ArtifactUri Address, IReadOnlyList<ArtifactInfo> Files)
{
    /// <summary>Gets the bytes of all files.</summary>
    public long Bytes => Files.Sum(file => file.Bytes);

    /// <summary>Gets the bytes of the weights.</summary>
    public long WeightBytes => Files.Where(file => TextModelFiles.IsWeights(file.Uri.Name)).Sum(file => file.Bytes);

    /// <summary>Gets a value indicating whether the model is a folder of this machine.</summary>
    public bool IsLocal => Address.Scheme == ArtifactScheme.File;
}

/// <summary>The version of a model that a run uses, fixed when the run first reads the model.</summary>
/// <param name="Given">The model as the request names it.</param>
/// <param name="Address">The address; on the Hub at a commit.</param>
/// <param name="Files">Files that the run needs.</param>
/// <param name="Bytes">Their bytes.</param>
public sealed record ModelFact(string Given, string Address, int Files, long Bytes);

/// <summary>A model that was copied to where the run's worker reads it.</summary>
/// <param name="Address">The copy's address, named by its content.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Seconds">Duration of the copy, in seconds.</param>
/// <param name="WasThere">true if an earlier run had copied it.</param>
public sealed record ModelBroughtFact(string Address, long Bytes, double Seconds, bool WasThere);
