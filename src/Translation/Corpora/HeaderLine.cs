namespace Workflows.Translation.Corpora;

/// <summary>Ways to decide whether a table begins with the names of its columns.</summary>
public enum HeaderLine
{
    /// <summary>A first line that names both requested columns is the header; otherwise there is none.</summary>
    Automatic,

    /// <summary>The first line is the header.</summary>
    Present,

    /// <summary>There is no header: the first column is Korean and the second English.</summary>
    Absent,
}
