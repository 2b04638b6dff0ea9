namespace Holdfast.Posix;

/// <summary>What the machine gives the thread that calls: Linux takes it for the one thread, whatever POSIX says of processes.</summary>
/// <remarks>Where the machine does not allow it, it stays as it is: everything works as before, and no worse.</remarks>
public static class ThisThread
{
    /// <summary>Has it go behind threads that did not call this, for as long as it lives: a tenth of what they get while they want it, by the weights of Linux's scheduler.</summary>
    /// <remarks>Not less: one of those may wait for what this one holds.</remarks>
    public static void GiveWay() => _ = NativeMethods.nice(10);

    /// <summary>The same for work whose lateness is taken for a fault: a third.</summary>
    public static void GiveWaySomewhat() => _ = NativeMethods.nice(5);
}
