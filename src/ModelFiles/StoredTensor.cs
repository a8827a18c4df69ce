namespace Workflows.ModelFiles;

/// <summary>Type, sizes and place of a tensor in a safetensors file.</summary>
/// <param name="Type">Element type as the format names it, such as <c>BF16</c>.</param>
/// <param name="Shape">Sizes, outermost first; none for a scalar.</param>
/// <param name="Begin">First byte, counted from the end of the header.</param>
/// <param name="End">The byte after the last.</param>
public sealed record StoredTensor(string Type, IReadOnlyList<int> Shape, long Begin, long End)
{
    /// <summary>Formats type and sizes for messages: <c>F32[2, 3]</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Type}{TensorText.Of(Shape)}";
}
