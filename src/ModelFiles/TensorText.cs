namespace Workflows.ModelFiles;

/// <summary>Formats sizes for messages.</summary>
internal static class TensorText
{
    public static string Of(IReadOnlyList<int> shape) => $"[{string.Join(", ", shape)}]";
}
