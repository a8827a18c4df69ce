namespace Workflows.Artifacts;

/// <summary>Kinds of places for artifacts.</summary>
public enum ArtifactScheme
{
    /// <summary>A folder or file of this machine: <c>file:///path</c>, or an absolute path alone.</summary>
    File,

    /// <summary>A bucket of Cloud Storage: <c>gs://BUCKET/PREFIX</c>.</summary>
    CloudStorage,

    /// <summary>A repository of the Hugging Face Hub, read-only: <c>hf://ORG/NAME[@REVISION][/PATH]</c>.</summary>
    Hub,
}
