namespace Workflows.ModelFiles;

/// <summary>Shows sizes in messages.</summary>
internal static class TensorText
{
    public static string Of(IReadOnlyList<int> shape) => $"[{string.Join(", ", shape)}]";
}
