namespace Holdfast.Admission;

/// <summary>What is being done now, and for whom: whatever it comes to (a database, a disk) gives it its turn by that. Flows with the work through everything that it awaits.</summary>
/// <param name="Class">What it is for.</param>
/// <param name="Account">Whose it is; empty for the service's own.</param>
public sealed record Work(WorkClass Class, string Account)
{
    private static readonly Work _unnamed = new(WorkClass.Interactive, "");
    private static readonly AsyncLocal<Work?> _current = new();

    /// <summary>Somebody may be waiting for it, unless it is said what it is.</summary>
    public static Work Current
    {
        get => _current.Value ?? _unnamed;
        set => _current.Value = value;
    }
}
